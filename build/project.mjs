// npm run project: what only a maintainer knows, from build/project.json into every file that names it: the packages'
// `repository`, SECURITY.md's contact, .github/CODEOWNERS. With --check it writes nothing and fails where something is
// not set or not as it says; `npm publish` runs that (prepublishOnly).
//   repository       "https://example.com/team/motekey.git"
//   securityContact  "security@example.com", or an address beginning with https:
//   owners           ["@team/motekey"]
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const PACKAGES = ["firmware", "host-sim", "host-sim/service", "tools"];
/** SECURITY.md's sentence begins here, and ends with its line. */
const CONTACT = /^<!-- npm run project -->.*$/m;

/** @typedef {{ repository: string | null, securityContact: string | null, owners: string[] | null }} Project */

/**
 * What is not set, or is none: sentences for the maintainer.
 * @param {Project} project
 */
export function missing({ repository, securityContact, owners }) {
  const faults = [];
  if (!/^https:\/\/\S+$/.test(repository ?? ""))
    faults.push("repository: the https address of the repository");
  if (!/^(?:https:\/\/\S+|[^\s@]+@[^\s@]+\.[^\s@]+)$/.test(securityContact ?? ""))
    faults.push("securityContact: a mail address or an https address, for reports of vulnerabilities");
  if (!owners?.length || owners.some((owner) => !/^@\S+$/.test(owner)))
    faults.push('owners: who reviews changes, such as ["@team/motekey"]');
  return faults;
}

/**
 * Each file that names something of the project: how it is, and how it is to be.
 * @param {Project} project
 * @param {string} root
 */
export function filesOf(project, root) {
  const { repository, securityContact, owners } = project;
  const read = (path) => readFileSync(join(root, path), "utf8");
  const contact =
    securityContact === null
      ? "There is no address for reports yet."
      : `Or write to ${securityContact.replace(/^(?!https:)/, "mailto:")}.`;
  const files = [
    ...PACKAGES.map((directory) => {
      const path = `${directory}/package.json`;
      const { repository: _, ...manifest } = JSON.parse(read(path));
      const entries = Object.entries(manifest);
      if (repository !== null) {
        const at = entries.findIndex(([name]) => name === "license") + 1;
        entries.splice(at, 0, ["repository", { type: "git", url: `git+${repository}`, directory }]);
      }
      return { path, text: `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n` };
    }),
    {
      path: "SECURITY.md",
      text: read("SECURITY.md").replace(CONTACT, `<!-- npm run project --> ${contact}`),
    },
    {
      path: ".github/CODEOWNERS",
      text: `# Who reviews changes, from build/project.json: npm run project\n${owners === null ? "# Nobody is named yet.\n" : `* ${owners.join(" ")}\n`}`,
    },
  ];
  return files.map((file) => ({ ...file, isSo: read(file.path) === file.text }));
}

if (resolve(process.argv[1] ?? "") === import.meta.filename) {
  const root = resolve(import.meta.dirname, "..");
  const project = JSON.parse(readFileSync(join(import.meta.dirname, "project.json"), "utf8"));
  const files = filesOf(project, root);
  if (process.argv[2] !== "--check") {
    for (const { path, text } of files) writeFileSync(join(root, path), text);
  } else {
    const faults = missing(project).map((fault) => `build/project.json does not say its ${fault}`);
    for (const { path, isSo } of files)
      if (!isSo) faults.push(`${path} is not as build/project.json says: npm run project`);
    for (const fault of faults) console.error(fault);
    if (faults.length > 0) process.exitCode = 1;
  }
}
