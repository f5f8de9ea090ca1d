/** The samples beside the service name what there is: settings, files, paths and metrics. */
import assert from "node:assert/strict";
import { Events } from "../../host-sim/cloud/events.js";
import { checkOptions } from "../../host-sim/cloud/options.js";
import { CONFIG_SCHEMA } from "../../host-sim/service/config-schema.js";
import { VARIABLE_PREFIX } from "../../host-sim/service/index.js";
import { Metrics } from "../../host-sim/service/metrics.js";
import { SERVICE_OPTIONS } from "../../host-sim/service/service-options.js";
import { sample } from "../servers/samples.js";

interface Property {
  type?: string;
  properties?: Readonly<Record<string, Property>>;
}

/** The variables of these settings and of those within. */
function variablesOf(properties: Readonly<Record<string, Property>>, prefix: string): string[] {
  return Object.entries(properties).flatMap(([name, { properties: inner }]) => {
    const variable = prefix + name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
    return inner === undefined ? [variable] : variablesOf(inner, `${variable}_`);
  });
}

describe("the samples beside the service", () => {
  it("the settings of a replica are settings", () => {
    checkOptions("", JSON.parse(sample("service/service.json", [])) as object, SERVICE_OPTIONS);
  });

  it("each variable of the compose file is one of a setting", () => {
    const known = variablesOf(CONFIG_SCHEMA.properties, VARIABLE_PREFIX);
    const named = sample("service/compose.yml", []).match(/MOTEKEY_SERVICE_\w+/g) ?? [];
    assert.ok(named.length >= 6);
    assert.deepEqual(
      named.filter((name) => !known.includes(name)),
      [],
    );
  });

  it("the dashboard shows every metric of the service, and none that it has not", async () => {
    const metrics = new Metrics(new Events());
    metrics.brokerIs(true);
    const told = new Set(
      (await metrics.text()).match(/^# TYPE \w+/gm)?.map((line) => line.slice("# TYPE ".length)),
    );
    const shown = new Set(
      sample("service/grafana.json", []).match(/\b(?:motekey|process|nodejs)_[a-z_]+\b/g),
    );
    assert.deepEqual(
      [...shown].filter((name) => !told.has(name)),
      [],
    );
    assert.deepEqual(
      [...told].filter((name) => name.startsWith("motekey_") && !shown.has(name)),
      [],
    );
  });
});
