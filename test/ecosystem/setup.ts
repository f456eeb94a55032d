/** Packs the package once, before the tests that install it. */
import type { TestProject } from "vitest/node";
import { packPackage } from "./harness/projects.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Path of the packed package. */
    readonly tarball: string;
  }
}

export const setup = async (project: TestProject): Promise<void> => {
  project.provide("tarball", await packPackage());
};
