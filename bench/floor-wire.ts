/** Shared by both sides of `floor.ts`: the steps, and signatures over a head and a body. */
import { createHmac, createSecretKey, timingSafeEqual } from "node:crypto";
import { type Attributes, context, type Span, type SpanKind, trace } from "@opentelemetry/api";

/** Each step adds one part to the previous one. */
export const steps = ["bare", "signed", "traced", "metered", "elysia"] as const;
export type Step = (typeof steps)[number];

export const has = (step: Step, part: Step): boolean => steps.indexOf(step) >= steps.indexOf(part);

const key = createSecretKey("the secret of this benchmark", "utf8");

export const sign = (head: string, body: string): string =>
  createHmac("sha256", key).update(head).update(body).digest("base64url");

export const verify = (head: string, body: string, signature: string): void => {
  if (!timingSafeEqual(Buffer.from(sign(head, body)), Buffer.from(signature)))
    throw new Error("The signature is invalid.");
};

const tracer = trace.getTracer("floor");

export const startSpan = (name: string, kind: SpanKind, attributes: Attributes, parent?: Span): Span =>
  tracer.startSpan(
    name,
    { kind, attributes },
    parent === undefined ? context.active() : trace.setSpan(context.active(), parent),
  );
