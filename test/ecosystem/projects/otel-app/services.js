/** Shared by parent and runner. */
import { defineMethod, flame } from "firelight";

export const Work = flame.service("work", {
  double: defineMethod("double", async (ctx, value) => {
    ctx.logger.info("doubling");
    return 2 * value;
  }),
});
