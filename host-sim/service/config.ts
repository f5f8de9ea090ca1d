import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { checkOptions } from "../cloud/options.js";
import { CONFIG_SCHEMA } from "./config-schema.js";
import { SERVICE_OPTIONS, type ServiceOptions } from "./service-options.js";

/** The prefix of environment variables for settings: `MOTEKEY_SERVICE_DATABASE_URL` is `database.url`. */
export const VARIABLE_PREFIX = "MOTEKEY_SERVICE_";

interface Property {
  type: string;
  properties?: Readonly<Record<string, Property>>;
}

type Bag = Record<string, unknown>;

/** Settings that are paths: in a file they are relative to it. */
const PATH = /^(folder|.*Files?)$/;

/**
 * The options of `startService` from a JSON file and from the environment, which overrides it.
 * @throws Error that names the wrong setting, and what is allowed
 */
export async function readConfiguration(
  file: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  directory: string,
): Promise<ServiceOptions> {
  const fromFile = file === undefined ? {} : await readSettings(resolve(directory, file));
  const { properties } = CONFIG_SCHEMA;
  const settings = merged(fromFile, fromEnvironment(properties, env, VARIABLE_PREFIX, directory));
  delete settings.$schema;
  checkOptions("", settings, SERVICE_OPTIONS);
  return settings as ServiceOptions;
}

async function readSettings(file: string): Promise<Bag> {
  let settings: unknown;
  try {
    settings = JSON.parse(await readFile(file, "utf8"));
  } catch (failure) {
    const why = failure instanceof SyntaxError ? "it is not JSON" : (failure as Error).message;
    throw new Error(`The settings ${file} cannot be read: ${why}`);
  }
  if (!isBag(settings)) throw new Error(`The settings ${file} must be an object of JSON`);
  return withPaths(settings, dirname(file));
}

function fromEnvironment(
  properties: Readonly<Record<string, Property>>,
  env: Readonly<Record<string, string | undefined>>,
  prefix: string,
  directory: string,
): Bag {
  const found: Bag = {};
  for (const [name, { type, properties: inner }] of Object.entries(properties)) {
    const variable = prefix + name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
    if (inner !== undefined) {
      const group = fromEnvironment(inner, env, `${variable}_`, directory);
      if (Object.keys(group).length > 0) found[name] = group;
      continue;
    }
    const text = env[variable];
    if (text !== undefined && text !== "") found[name] = settingOf(type, text, variable);
  }
  return withPaths(found, directory);
}

function settingOf(type: string, text: string, variable: string): unknown {
  if (type === "array") return text.split(",");
  if (type === "string") return text;
  if (type === "boolean" && (text === "true" || text === "false")) return text === "true";
  if (type === "object") return objectOf(text, variable);
  if (type === "integer" && /^\d{1,15}$/.test(text)) return Number(text);
  throw new Error(`${variable} must be ${type === "integer" ? "a whole number" : "true or false"}`);
}

function objectOf(text: string, variable: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    if (isBag(value)) return value;
  } catch {
    // As any other text.
  }
  throw new Error(`${variable} must be an object of JSON`);
}

function withPaths(settings: Bag, folder: string): Bag {
  const placed = (name: string, value: unknown): unknown => {
    if (isBag(value)) return withPaths(value, folder);
    if (!PATH.test(name)) return value;
    if (Array.isArray(value)) return value.map((item) => placed(name, item));
    return typeof value === "string" ? resolve(folder, value) : value;
  };
  return Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, placed(name, value)]));
}

/** The second overrides the first, also within groups. */
function merged(first: Bag, second: Bag): Bag {
  const all = { ...first };
  for (const [name, value] of Object.entries(second)) {
    const before = all[name];
    all[name] = isBag(before) && isBag(value) ? merged(before, value) : value;
  }
  return all;
}

function isBag(value: unknown): value is Bag {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
