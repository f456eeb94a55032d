/** Type tests of standard decorators. */
import { expectTypeOf } from "vitest";
import type { Effect } from "effect";
import { flame, flameService, toEffect, type CallError } from "../../src/index.ts";

@flameService("billing", { pool: "default" })
class Billing {
  @flame({ id: "charge", pool: "gpu" })
  async charge(amount: number): Promise<number> {
    return amount;
  }

  @flame()
  async generic<Item>(item: Item): Promise<Item> {
    return item;
  }

  @flame("named")
  static async named(): Promise<string> {
    return this.name;
  }

  // @ts-expect-error A remote method is asynchronous.
  @flame()
  sync(): number {
    return 1;
  }

  // @ts-expect-error There is no such option.
  @flame({ timeout: 5 })
  async wrong(): Promise<void> {}

  // @ts-expect-error An accessor cannot be remote.
  @flame()
  get accessor(): number {
    return 1;
  }
}

@flame.serviceDecorator("math")
class MathService {
  async add(a: number, b: number): Promise<number> {
    return a + b;
  }
}

@flameService({ id: "db", factory: () => Database.connect("db://one"), pool: "default" })
class Database {
  readonly url: string;

  private constructor(url: string) {
    this.url = url;
  }

  static async connect(url: string): Promise<Database> {
    return new Database(url);
  }

  async query(sql: string): Promise<Array<string>> {
    return [sql, this.url];
  }
}

@flameService()
abstract class Base {
  async shared(): Promise<number> {
    return 1;
  }
}

class Tools {
  readonly label: string = "tools";

  @flame({ serviceId: "utils", id: "ping" })
  static async ping(): Promise<"pong"> {
    return "pong";
  }
}

// Decorated classes and methods keep their types.
const billing = new Billing();
expectTypeOf(billing.charge).toEqualTypeOf<(amount: number) => Promise<number>>();
expectTypeOf(billing.generic("a")).toEqualTypeOf<Promise<string>>();
expectTypeOf(Billing.named()).toEqualTypeOf<Promise<string>>();
expectTypeOf(Tools.ping()).toEqualTypeOf<Promise<"pong">>();
expectTypeOf(new MathService().add(1, 2)).toEqualTypeOf<Promise<number>>();
expectTypeOf(Database.connect("db://two")).toEqualTypeOf<Promise<Database>>();
expectTypeOf<Base>().toHaveProperty("shared");

// toEffect converts them to Effects.
expectTypeOf(toEffect(billing.charge)(1)).toEqualTypeOf<Effect.Effect<number, CallError>>();
expectTypeOf(toEffect(Tools.ping)()).toEqualTypeOf<Effect.Effect<"pong", CallError>>();
expectTypeOf(toEffect(new MathService()).add(1, 2)).toEqualTypeOf<Effect.Effect<number, CallError>>();

// @ts-expect-error A class without an id takes options, not a number.
flameService(3);
// @ts-expect-error A factory returns an instance.
flameService({ id: "x", factory: () => 3 });
