import { flame } from "firelight";

export const hello = flame.fn("hello", async (name) => `Hello, ${name}, from ${process.pid}.`);

export const Numbers = flame.service("numbers", { square: async (given) => given * given });
