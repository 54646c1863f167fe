// Reads a JSON list of manifests from standard input and holds each against the schema of its operator.
// Prints a JSON list of {name, fault}; fault is null for what is valid. Its argument is the folder above node_modules.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { join, resolve } from "node:path";

const PACKAGES = {
  "monitoring.coreos.com": "@kubernetes-models/prometheus-operator",
  "keda.sh": "@kubernetes-models/keda",
};
const MODULES = resolve(process.argv[2], "node_modules");

// The compiled schemas look at every field that they know, and let others pass: what nobody looked at is unknown.
function watched(value, path, unread) {
  if (value === null || typeof value !== "object") return value;
  const fields = Object.entries(value).map(([key, field]) => {
    const place = `${path}.${key}`;
    unread.add(place);
    return [key, watched(field, place, unread)];
  });
  const copy = Array.isArray(value) ? fields.map(([, field]) => field) : Object.fromEntries(fields);
  const get = (target, key) => {
    unread.delete(`${path}.${String(key)}`);
    return target[key];
  };
  return new Proxy(copy, { get });
}

async function faultOf(manifest) {
  const [group, version] = manifest.apiVersion.split("/");
  const path = join(MODULES, PACKAGES[group], group, version, `${manifest.kind}.js`);
  const models = await import(pathToFileURL(path));
  const unread = new Set();
  try {
    models[manifest.kind].prototype.validate.call(watched(manifest, "", unread)); // an instance would hold a copy
  } catch (error) {
    return error.message;
  }
  return unread.size === 0 ? null : `unknown: ${[...unread].sort().join(", ")}`;
}

const answers = [];
for (const manifest of JSON.parse(readFileSync(0, "utf8"))) {
  answers.push({ name: `${manifest.kind}/${manifest.metadata.name}`, fault: await faultOf(manifest) });
}
process.stdout.write(JSON.stringify(answers));
