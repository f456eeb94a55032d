import { defineMethod, flame } from "firelight";

export const hello = flame.fn("hello", async (name: string) => `Hello, ${name}, from ${process.pid}.`);

export const Numbers = flame.service("numbers", {
  square: defineMethod("square", async (ctx, given: number) => {
    ctx.signal.throwIfAborted();
    return given * given;
  }),
  heavy: defineMethod("heavy", async (_ctx, given: number) => given + 1, { isolation: "worker" }),
  apart: defineMethod("apart", async (_ctx, given: number) => given + 2, { isolation: "process" }),
});
