/** Uses the emitted declarations. Each line marked as an error must be one, and no type may be `any`. */
import type { Effect } from "effect";
import type { CallError } from "firelight";
import * as made from "inferred/services.js";

type IsAny<T> = 0 extends 1 & T ? true : false;
const notAny = <T>(_value: T, _proof: IsAny<T> extends true ? never : "typed"): void => {};

for (const value of Object.values(made)) void value;
notAny(made.square, "typed");
notAny(made.text, "typed");
notAny(made.echo, "typed");
notAny(made.paid, "typed");
notAny(made.Billing.add, "typed");
notAny(made.Billing.charge, "typed");
notAny(made.quick, "typed");
notAny(made.quickCharge, "typed");
notAny(made.squares, "typed");
notAny(made.outcomes, "typed");
notAny(made.job, "typed");
notAny(made.method, "typed");
notAny(made.BillingEffects.add, "typed");
notAny(made.backend, "typed");

const four: Promise<number> = made.square(2);
const text: Promise<string> = made.text(2);
const echoed: Promise<"x"> = made.echo<"x">("x");
const charged: Promise<{ ok: boolean; charged: number }> = made.paid({ amount: 1 });
const added: Promise<number> = made.Billing.add(1, 2);
const found: Promise<readonly [string, number | undefined]> = made.Billing.find("id");
const effect: Effect.Effect<number, CallError> = made.Effects.add(1, 2);
const effects: Effect.Effect<number, CallError> = made.BillingEffects.add(1, 2);
const again: Promise<number> = made.quick.with({ timeoutMs: 5 }).with({ retry: { maxAttempts: 2 } })(2);
const all: Promise<ReadonlyArray<number>> = Promise.resolve(made.squares);
const price: Promise<number> = new made.Shop().price("x");
void [four, text, echoed, charged, added, found, effect, effects, again, all, price];

// @ts-expect-error a wrong argument
void made.square("2");
// @ts-expect-error a wrong result
const wrong: Promise<string> = made.square(2);
// @ts-expect-error a wrong argument after with
void made.quick("2");
// @ts-expect-error a wrong field
void made.Billing.charge({ sum: 1 });
// @ts-expect-error too few arguments
void made.Billing.add(1);
// @ts-expect-error a wrong item
void made.square.map(["1"]);
// @ts-expect-error a method with two arguments has no map
void made.Billing.add.map([1]);
// @ts-expect-error a wrong option
void made.quick.with({ timeout: 5 });
// @ts-expect-error a wrong argument of an Effect
void made.squareEffect("2");
void wrong;
