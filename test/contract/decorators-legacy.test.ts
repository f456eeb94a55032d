import { currentInvocation } from "../../src/contract/api/invocation.ts";
import { decoratorFacts, type Classes, type World } from "./decorators-suite.ts";

const classes = ({ flame, flameService }: World): Classes => {
  let serial = 0;

  @flameService("billing", { pool: "default", timeoutMs: 10 })
  class Billing {
    readonly serial: number = ++serial;
    readonly madeInside: boolean = currentInvocation.getStore() !== undefined;
    readonly format = (total: number): string => `${total} EUR`;

    @flame({ id: "charge-card", pool: "gpu" })
    async charge(amount: number): Promise<{ total: number; by: number }> {
      return { total: amount + this.fee(amount), by: this.serial };
    }

    async refund(amount: number): Promise<number> {
      return amount;
    }

    async who(): Promise<{ by: number; invocationId: string | undefined }> {
      return { by: this.#self(), invocationId: currentInvocation.getStore()?.invocationId };
    }

    fee(amount: number): number {
      return amount * 0.03;
    }

    get currency(): string {
      return "EUR";
    }

    #self(): number {
      return this.serial;
    }
  }

  @flameService()
  class Calculator {
    async add(a: number, b: number): Promise<number> {
      return a + b;
    }

    @flame("now")
    static async now(): Promise<string> {
      return `now by ${this.name}`;
    }

    static plain(): string {
      return "plain";
    }
  }

  @flameService(undefined, { pool: "gpu", timeoutMs: 7 })
  class Nameless {
    async go(): Promise<string> {
      return "went";
    }
  }

  class Tools {
    readonly label: string = "tools";

    @flame({ serviceId: "utils", id: "ping" })
    static async ping(): Promise<string> {
      return `pong by ${this.name}`;
    }
  }

  class Loose {
    readonly what: string = "Loose";

    @flame({ serviceId: "loose" })
    async run(): Promise<string> {
      return `ran on ${this.what}`;
    }
  }

  class Unbound {
    @flame("x")
    async x(): Promise<number> {
      return 1;
    }
  }

  @flameService("animal")
  class Animal {
    protected readonly count: number = 0;

    async speak(): Promise<string> {
      return "noise";
    }

    @flame()
    async legs(): Promise<number> {
      return this.count;
    }
  }

  @flameService("dog", { pool: "dogs" })
  class Dog extends Animal {
    protected override readonly count: number = 4;

    override async speak(): Promise<string> {
      return `${await super.speak()}: woof`;
    }

    async fetch(): Promise<string> {
      return "stick";
    }
  }

  let connections = 0;

  @flameService({
    id: "db",
    factory: async () => {
      const db = new Db(`db://${++connections}`);
      await db.connect();
      await db.migrate();
      return db;
    },
  })
  class Db {
    readonly steps: Array<string> = [];
    readonly url: string;

    constructor(url: string) {
      this.url = url;
    }

    async connect(): Promise<void> {
      await Promise.resolve();
      this.steps.push("connect");
    }

    async migrate(): Promise<void> {
      await Promise.resolve();
      this.steps.push("migrate");
    }

    async query(sql: string): Promise<string> {
      return `${sql} at ${this.url} after ${this.steps.join(", ")}`;
    }
  }

  let tries = 0;

  @flameService("fragile")
  class Fragile {
    constructor() {
      if (++tries === 1) throw new Error("no database yet");
    }

    async go(): Promise<string> {
      return "went";
    }
  }

  let decoratorArguments = 0;

  class Probe {
    @((...args: Array<unknown>) => {
      decoratorArguments = args.length;
    })
    probe(): void {}
  }
  void Probe;

  return {
    decoratorArguments,
    Billing,
    Calculator,
    Nameless,
    Tools,
    Loose,
    Unbound,
    Animal,
    Dog,
    Db,
    Fragile,
    misuse: {
      "a field": () => {
        class Misused {
          // @ts-expect-error A field is not a method.
          @flame()
          value: number = 1;
        }
        return Misused;
      },
      "a class without methods": () => {
        @flameService()
        class Empty {
          readonly value: number = 1;
        }
        return Empty;
      },
      "a method without parentheses": () => {
        class Misused {
          // @ts-expect-error Parentheses are missing.
          @flame
          async go(): Promise<void> {}
        }
        return Misused;
      },
      "a class without parentheses": () => {
        // @ts-expect-error Parentheses are missing.
        @flameService
        class Misused {
          async go(): Promise<void> {}
        }
        return Misused;
      },
      "two methods with one id": () => {
        @flameService("twice")
        class Misused {
          @flame("same")
          async one(): Promise<void> {}
          @flame("same")
          async two(): Promise<void> {}
        }
        return Misused;
      },
    },
  };
};

decoratorFacts("legacy", classes);
