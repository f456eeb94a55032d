import { describe, expect, it } from "vitest";
import { completeSettings } from "../../src/bundle/complete-settings.ts";
import { bundleFiles } from "../../src/bundle/files.ts";
import { defaultSettings } from "../../src/bundle/settings.ts";

describe("settings", () => {
  it("are the default ones when none are given", () => {
    expect(completeSettings()).toEqual(defaultSettings);
  });

  it("keep the rest of a group of which one is given", () => {
    const { slo, thresholds } = completeSettings({ slo: { objective: 0.99 }, thresholds: { crashes: 5 } });
    expect(slo).toEqual({ ...defaultSettings.slo, objective: 0.99 });
    expect(thresholds).toEqual({ ...defaultSettings.thresholds, crashes: 5 });
  });

  it("take a list as a whole", () => {
    expect(completeSettings({ slo: { ignoredStatuses: [] } }).slo.ignoredStatuses).toEqual([]);
  });

  it("take Grafana's address without a slash at its end", () => {
    expect(completeSettings({ grafanaUrl: "https://grafana.example/ops/" }).grafanaUrl).toBe(
      "https://grafana.example/ops",
    );
  });

  it("take the longest uid with which all files can be made", () => {
    const settings = completeSettings({ uid: "seventeen-letters" });
    expect([...bundleFiles(settings).keys()]).toContain("dashboards/seventeen-letters-overview.json");
    expect(() => bundleFiles({ ...settings, uid: "eighteen-character" })).toThrow("too long");
  });

  it.each([
    [{ threshold: {} }, "There is no setting threshold."],
    [{ slo: { target: 0.9 } }, "There is no setting slo.target. There are: objective, windowDays"],
    [{ slo: 0.9 }, "slo must be a group of settings, not a number."],
    [{ slo: { ignoredStatuses: "OK" } }, "slo.ignoredStatuses must be a list, not a string."],
    [{ thresholds: { crashes: "3" } }, "thresholds.crashes must be a number, not a string."],
    [{ runbookUrl: 3 }, "runbookUrl must be a string, not a number."],
    [{ name: " " }, "name is empty."],
    [{ uid: "My Shop" }, 'uid is "My Shop".'],
    [{ uid: "eighteen-character" }, "17 characters at most"],
    [{ grafanaUrl: "grafana.example" }, 'grafanaUrl is "grafana.example".'],
    [{ runbookUrl: "wiki/flame" }, 'runbookUrl is "wiki/flame".'],
    [{ slo: { objective: 99.9 } }, "slo.objective is 99.9: it is the share of calls that must succeed"],
    [{ slo: { windowDays: 1 } }, "slo.windowDays is 1: the slowest alert looks at 3 days"],
    [{ thresholds: { bootSeconds: 0 } }, "thresholds.bootSeconds is 0. It must be above 0."],
    [{ thresholds: { bootSeconds: Number.NaN } }, "thresholds.bootSeconds is NaN."],
  ])("say what is wrong with %j", (options, message) => {
    expect(() => completeSettings(options as Parameters<typeof completeSettings>[0])).toThrow(message);
  });
});
