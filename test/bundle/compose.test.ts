/** The compose files are consistent with the files that they mount: every file, port, service and volume that they name exists. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readManifest } from "../../scripts/collector.ts";
import {
  composeFiles,
  generated,
  inProject,
  mountsOf,
  portsOf,
  readCompose,
  readText,
  root,
  volumesOf,
} from "./composed.ts";

const exists = (path: string): boolean => existsSync(join(root, path)) || generated.has(path);

describe.each(composeFiles)("%s", (file) => {
  const { services, volumes } = readCompose(file);
  const entries = Object.entries(services);

  test("mounts only files that exist", () => {
    const sources = entries.flatMap(([, service]) => mountsOf(service)).map(({ source }) => source);
    expect(sources.length).toBeGreaterThan(0);
    expect(sources.filter((source) => !exists(source))).toEqual([]);
  });

  test("passes to commands only files that exist in the container", () => {
    const named = entries.flatMap(([, service]) =>
      (service.command ?? [])
        .map((word) => /^(?:-{1,2}config\.file=)?(\S+\.(?:yaml|ts))$/.exec(word)?.[1])
        .filter((path) => path !== undefined)
        .map((path) => [path, path.startsWith("/") ? inProject(service, path) : path] as const),
    );
    expect(named.length).toBeGreaterThan(1);
    expect(named.filter(([, path]) => path === undefined || !exists(path))).toEqual([]);
  });

  test("publishes only ports that the service listens on, and only on 127.0.0.1", () => {
    const published = entries.flatMap(([name, service]) =>
      (service.ports ?? []).map((port) => ({ name, service, port })),
    );
    expect(published.length).toBeGreaterThan(3);
    for (const { name, service, port } of published) {
      const [host, outside, inside] = port.split(":");
      expect(`${host} ${outside}`, `${name} ${port}`).toBe(`127.0.0.1 ${inside}`);
      expect(portsOf(name, service), `${name} ${port}`).toContain(Number(inside));
    }
  });

  test("publishes no port twice", () => {
    const ports = entries.flatMap(([, service]) => service.ports ?? []);
    expect(new Set(ports).size).toBe(ports.length);
  });

  test("has only addresses of listening services in environments", () => {
    const addresses = entries.flatMap(([, { environment = {} }]) =>
      Object.values(environment).flatMap((value) => [...value.matchAll(/http:\/\/([\w-]+):(\d+)/g)]),
    );
    expect(addresses.length).toBeGreaterThan(1);
    for (const [address, host, port] of addresses) {
      expect(services[host!], address).toBeDefined();
      expect(portsOf(host!, services[host!]!), address).toContain(Number(port));
    }
  });

  test("declares every service and volume that it uses, and no other volume", () => {
    const awaited = entries.flatMap(([, { depends_on = [] }]) => depends_on);
    expect(awaited.filter((name) => services[name] === undefined)).toEqual([]);
    expect(new Set(entries.flatMap(([, service]) => volumesOf(service)))).toEqual(new Set(Object.keys(volumes)));
  });

  test("pins every image to a version, and has a Dockerfile for every build", () => {
    for (const [name, { image, build }] of entries) {
      if (build === undefined) expect(image, name).toMatch(/:v?\d+\.\d+\.\d+$/);
      else expect(exists(build.dockerfile), build.dockerfile).toBe(true);
    }
  });
});

test("docker-compose.yml uses the collector version that the configs are tested with", () => {
  const { image } = readCompose("docker-compose.yml").services["collector"]!;
  expect(image).toBe(`otel/opentelemetry-collector-contrib:${readManifest().version}`);
});

test("the Dockerfile copies only files that exist", () => {
  const copied = [
    ...readText("examples/06-compose-service/Dockerfile").matchAll(/^COPY (?!--from)(.*) \S+$/gm),
  ].flatMap(([, sources]) => sources!.split(" "));
  expect(copied.length).toBeGreaterThan(5);
  expect(copied.filter((path) => !exists(path))).toEqual([]);
});

test("docker-compose.yml sets only environment variables that the collector's config reads", () => {
  const settings = Object.keys(readCompose("docker-compose.yml").services["collector"]!.environment!);
  const known = new Set([...readText("otel/collector.yaml").matchAll(/\$\{env:(\w+)/g)].map(([, name]) => name));
  expect(settings.filter((name) => !known.has(name))).toEqual([]);
});
