import { describe, expect, test } from "vitest";
import { completeSettings } from "../../src/bundle/resolve-settings.ts";
import { bundleFiles } from "../../src/bundle/files.ts";
import { defaultSettings } from "../../src/bundle/settings.ts";

describe("completeSettings", () => {
  test("returns the defaults without options", () => {
    expect(completeSettings()).toEqual(defaultSettings);
  });

  test("keeps the defaults of a group's other settings", () => {
    const { slo, thresholds } = completeSettings({ slo: { objective: 0.99 }, thresholds: { crashes: 5 } });
    expect(slo).toEqual({ ...defaultSettings.slo, objective: 0.99 });
    expect(thresholds).toEqual({ ...defaultSettings.thresholds, crashes: 5 });
  });

  test("replaces a list as a whole", () => {
    expect(completeSettings({ slo: { ignoredStatuses: [] } }).slo.ignoredStatuses).toEqual([]);
  });

  test("removes a trailing slash from grafanaUrl", () => {
    expect(completeSettings({ grafanaUrl: "https://grafana.example/ops/" }).grafanaUrl).toBe(
      "https://grafana.example/ops",
    );
  });

  test("accepts a uid of 17 characters, the longest that all files allow", () => {
    const settings = completeSettings({ uid: "seventeen-letters" });
    expect([...bundleFiles(settings).keys()]).toContain("dashboards/seventeen-letters-overview.json");
    expect(() => bundleFiles({ ...settings, uid: "eighteen-character" })).toThrow("at most 17 lowercase letters");
  });

  test.each([
    [{ threshold: {} }, "threshold is not an option. Did you mean thresholds?"],
    [{ slo: { target: 0.9 } }, "slo.target is not an option. The options are objective, windowDays"],
    [{ slo: 0.9 }, "slo is 0.9. Use an object with objective, windowDays, ignoredStatuses and minFailures."],
    [{ slo: { ignoredStatuses: "OK" } }, 'slo.ignoredStatuses is "OK". Use an array'],
    [{ slo: { ignoredStatuses: ["CANCELED"] } }, 'slo.ignoredStatuses[0] is "CANCELED". Did you mean "CANCELLED"?'],
    [{ slo: { minFailures: -1 } }, "slo.minFailures is -1. Use a number of calls, 0 or more."],
    [{ thresholds: { crashes: "3" } }, 'thresholds.crashes is "3". Use a number above 0.'],
    [{ runbookUrl: 3 }, "runbookUrl is 3. Use an address"],
    [{ name: " " }, 'name is " ".'],
    [{ uid: "My Shop" }, 'uid is "My Shop".'],
    [{ uid: "eighteen-character" }, "at most 17 lowercase letters"],
    [{ grafanaUrl: "grafana.example" }, 'grafanaUrl is "grafana.example".'],
    [{ runbookUrl: "wiki/flame" }, 'runbookUrl is "wiki/flame".'],
    [{ slo: { objective: 99.9 } }, "slo.objective is 99.9. Use the share of calls that must succeed"],
    [
      { slo: { windowDays: 1 } },
      "slo.windowDays is 1. Use a number of days (the slowest alert looks at 3 days), 3 or more",
    ],
    [{ thresholds: { bootSeconds: 0 } }, "thresholds.bootSeconds is 0. Use a number above 0."],
    [{ thresholds: { bootSeconds: Number.NaN } }, "thresholds.bootSeconds is NaN."],
    [null, "The settings is null. Use an object"],
  ])("rejects %j with an error that explains it", (options, message) => {
    expect(() => completeSettings(options as Parameters<typeof completeSettings>[0])).toThrow(message);
  });
});
