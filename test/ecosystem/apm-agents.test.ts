/** APM agents, installed and loaded as documented, in the parent, in the runners and in both. */
import { beforeAll, describe, expect, inject, test } from "vitest";
import { waitFor } from "../harness/wait-for.ts";
import { type ApmAgent, apmAgents } from "./harness/apm-agents.ts";
import { type ApmApp, orphanTimeoutMs, shareProgram, type Side, startApmApp } from "./harness/apm-app.ts";
import type { AgentSpan } from "./harness/apm-receiver.ts";
import { installProject } from "./harness/projects.ts";

const folders = new Map<ApmAgent["project"], string>();

beforeAll(async () => {
  for (const project of ["apm-agents", "otel-current"] as const)
    folders.set(project, await installProject(project, inject("tarball")));
  shareProgram(folders.get("apm-agents")!, folders.get("otel-current")!);
});

const agents: Readonly<Record<string, ApmAgent>> = apmAgents;
const start = (agent: string, on: Side): Promise<ApmApp> =>
  startApmApp(folders.get(agents[agent]!.project)!, agents[agent]!, on);

const idPattern = /^(?!0*$)[0-9a-f]+$/;
const isRoot = ({ parentId }: AgentSpan): boolean => !idPattern.test(parentId);

/** Causes every kind of traffic between parents and runners: calls, heartbeats, health and memory checks, failures. */
const exercise = async (app: ApmApp, recorded: ReadonlyArray<string>) => {
  const before = await app.get("/pid");
  const until = performance.now() + 2 * orphanTimeoutMs;
  await waitFor(() => performance.now() > until, { what: "two orphan timeouts to pass" });
  const after = await app.get("/pid");
  const told = await app.get("/fetch");
  const own = await (await fetch(await app.get("/own-url"))).text();
  for (const side of recorded)
    await waitFor(() => app.spans().some(({ service }) => service === side), {
      what: `the span of a request to the ${side}'s own server, from before a runner is killed`,
      timeoutMs: 20_000,
    });
  const quiet = await app.get("/stats");
  const trouble = await app.get("/trouble");
  await waitFor(async () => (await app.get("/stats")).runners.idle > 0, { what: "a runner", timeoutMs: 30_000 });
  const { runnerPorts } = await app.get("/stats");
  return { before, after, told, own, quiet, trouble, runnerPorts: runnerPorts as ReadonlyArray<number> };
};

/** Spans of the traffic between parents and runners that are not Firelight's. */
const foreign = (spans: ReadonlyArray<AgentSpan>, runnerPorts: ReadonlyArray<number>): ReadonlyArray<string> => {
  const ports = [...runnerPorts, 9].join("|");
  const traffic = new RegExp(
    `/invoke|/ready|nobody\\.localhost|0\\.1:(?:${ports})\\b|port":(?:{"value":)?(?:${ports})\\b`,
  );
  return spans
    .filter(({ name }) => !/^(flame\.|work\/)/.test(name))
    .filter(
      ({ service, name, text }) =>
        traffic.test(name) || traffic.test(text) || (service === "parent" && /^(net|tcp|tls)\b/.test(name)),
    )
    .map(({ service, name, text }) => `${service}: ${name} ${text.slice(0, 300)}`);
};

const plain = ["dd-trace", "elastic", "newrelic", "sentry", "sentry for errors", "otel 0.301"];
const bridged = ["dd-trace+otel", "elastic+otel", "newrelic+otel", "sentry+otel"];
const sides: ReadonlyArray<Side> = ["parent", "runner", "both"];
const cases = [
  ...plain.flatMap((agent) => sides.map((side) => [agent, side] as const)),
  ...["otel 0.223", ...bridged, "sentry on bun"].map((agent) => [agent, "both"] as const),
];

test.each(cases)(
  "%s on %s: calls succeed, idle runners stay up, and the agent does not trace the traffic between parent and runners",
  async (agent, on) => {
    await using app = await start(agent, on);
    const recorded = agent === "sentry for errors" ? [] : on === "both" ? ["parent", "runner"] : [on];
    const { before, after, told, own, quiet, trouble, runnerPorts } = await exercise(app, recorded);
    expect(after, "the same runner, idle for two orphan timeouts").toBe(before);
    expect(told).toMatchObject({ pid: before });
    expect(own).toBe("own");
    expect(quiet.problems).toEqual([]);
    expect(trouble).toMatchObject({
      canceled: { code: "canceled" },
      timedOut: { code: "timeout" },
      unreachable: { code: "transport_error", executed: "no" },
      retried: { value: 2 },
    });
    const reports = agent.startsWith("sentry") && on !== "runner";
    if (reports) await app.get("/report");
    const spans = await app.end();
    expect(foreign(spans, runnerPorts)).toEqual([]);
    expect(app.receiver.errors, "only errors that users report").toHaveLength(reports ? 1 : 0);
    for (const { text } of app.receiver.errors) expect(text).not.toMatch(/\/invoke|\/ready/);
  },
);

describe("one trace from the user's request to the handler's outgoing request", () => {
  const names = ["work/fetchIt", "flame.attempt", "work/fetchIt", "flame.handler"];

  test.each(["otel 0.223", "otel 0.301", "dd-trace+otel", "sentry+otel"])("%s", async (agent) => {
    await using app = await start(agent, "both");
    await app.get("/fetch");
    const upstream = () =>
      [...app.receiver.spans()].find(({ service, text }) => service === "runner" && /\/upstream/.test(text));
    await waitFor(upstream, { what: "the span of the handler's request" });
    const spans = await app.end();
    const chain = [upstream()!];
    for (let next = chain[0]; next !== undefined && !isRoot(next);) {
      const { parentId, traceId } = next;
      next = spans.find((span) => span.spanId === parentId && span.traceId.slice(-16) === traceId.slice(-16));
      if (next !== undefined) chain.unshift(next);
    }
    expect(chain.slice(1, -1).map(({ name }) => name)).toEqual(names);
    expect(chain[0]!.service).toBe("parent");
    expect(chain[0]!.text).toContain("/fetch");
    expect(isRoot(chain[0]!)).toBe(true);
  });

  test.each(["elastic+otel", "newrelic+otel"])(
    "%s, as far as the vendor has spans below its exit spans",
    async (agent) => {
      await using app = await start(agent, "both");
      await app.get("/fetch");
      const find = () =>
        app.spans().find(({ service, name, text }) => service === "runner" && `${name}${text}`.includes("/upstream"));
      await waitFor(find, { what: "the span of the handler's request" });
      const spans = await app.end();
      const asked = find()!;
      expect(spans.find(({ spanId }) => spanId === asked.parentId)?.name).toBe("flame.handler");
      expect(
        spans.filter(({ service, traceId }) => service === "parent" && traceId === asked.traceId).length,
      ).toBeGreaterThan(1);
    },
  );

  test("continues through a runner without an SDK", async () => {
    await using app = await start("otel 0.301", "parent");
    const told = await app.get("/fetch");
    const spans = await app.end();
    const request = spans.find(({ name, text }) => name.startsWith("GET") && text.includes("/fetch"))!;
    const attempt = spans.find(({ name, traceId }) => name === "flame.attempt" && traceId === request.traceId)!;
    expect(told.trace.traceparent).toBe(`00-${attempt.traceId}-${attempt.spanId}-01`);
  });
});
