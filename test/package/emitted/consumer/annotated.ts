/** Uses the declarations of the annotated project. */
import { Billing, echo, job, Named, quick, square, squareEffect } from "annotated/services.js";

const four: Promise<number> = square(2);
const text: Promise<string> = echo("x");
const receipt: Promise<{ readonly charged: number }> = Billing.charge({ amount: 1 });
const named: Promise<{ readonly charged: number }> = Named.charge({ amount: 1 });
const result: Promise<number> = job.result();
void [four, text, receipt, named, result, quick(2), squareEffect(2)];

// @ts-expect-error a wrong argument
void square("2");
// @ts-expect-error a wrong field
void Billing.charge({ sum: 1 });
// @ts-expect-error a wrong argument
void Named.charge(1);
// @ts-expect-error a wrong argument of an Effect
void squareEffect("2");
