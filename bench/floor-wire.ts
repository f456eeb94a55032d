/** What both sides of `floor.ts` agree on: its steps, and signatures over a head and a body. */
import { createHmac, createSecretKey, timingSafeEqual } from "node:crypto";
import { type Attributes, context, type Span, type SpanKind, trace } from "@opentelemetry/api";

/** Each does what the one before it does, and its own part. */
export const steps = ["bare", "signed", "traced", "metered", "elysia"] as const;
export type Step = (typeof steps)[number];

export const has = (step: Step, part: Step): boolean => steps.indexOf(step) >= steps.indexOf(part);

const key = createSecretKey("a secret that only this benchmark knows", "utf8");

export const sign = (head: string, body: string): string =>
  createHmac("sha256", key).update(head).update(body).digest("base64url");

export const verify = (head: string, body: string, signature: string): void => {
  if (!timingSafeEqual(Buffer.from(sign(head, body)), Buffer.from(signature)))
    throw new Error("The signature does not hold.");
};

const tracer = trace.getTracer("floor");

export const startSpan = (name: string, kind: SpanKind, attributes: Attributes, parent?: Span): Span =>
  tracer.startSpan(
    name,
    { kind, attributes },
    parent === undefined ? context.active() : trace.setSpan(context.active(), parent),
  );
