/** The exports of a user's library with `isolatedDeclarations`: the type annotations that it requires. */
import {
  type CallOptions,
  defineMethod,
  type EffectMethod,
  type Flame,
  flame,
  type Job,
  type MapRun,
  type MethodDefinition,
  type RemoteAsyncFunction,
  type RemoteMethod,
  type RemoteService,
} from "firelight";

export interface Order {
  readonly amount: number;
}
export interface Receipt {
  readonly charged: number;
}

export const square: RemoteMethod<[given: number], number> = flame.fn("square", async (given: number) => given * given);
export const echo: RemoteAsyncFunction<<T>(given: T) => Promise<T>> = flame.fn("echo", async <T>(given: T) => given);
export const squareEffect: EffectMethod<[given: number], number> = flame.fnEffect(
  "squareEffect",
  async (given: number) => given * given,
);
export const charge: MethodDefinition<[order: Order], Promise<Receipt>> = defineMethod(
  "charge",
  async (_ctx, order: Order) => ({ charged: order.amount }),
);
export const Billing: {
  readonly charge: RemoteMethod<[order: Order], Receipt>;
  readonly add: RemoteMethod<[a: number, b: number], number>;
} = flame.service("billing", { charge, add: async (a: number, b: number) => a + b });
export const Named: RemoteService<{ charge: typeof charge }> = flame.service("named", { charge });
export const quick: RemoteMethod<[given: number], number> = square.with({ timeoutMs: 50 } satisfies CallOptions);
export const squares: MapRun<number> = square.map([1, 2]);
export const job: Job<number> = square.spawn(3);
export const mine: Flame = flame;
