/** A client with TLS and a store as an app on Moddable, all of whose TypeScript mcconfig compiles. */
import { moddablePorts } from "motekey";
import { PreferenceStore } from "motekey/preference";
import { ModdableTlsLink } from "motekey/tls";
import { type ClientCommand, listen, obey } from "./client.js";
import { bytesOf, obeyStore, type StoreCommand } from "./values.js";

/** Certificates and key: DER in hexadecimal. */
interface Tls {
  ca: string[];
  serverName?: string;
  certificates?: string[];
  key?: string;
}
type Command = (ClientCommand & { tls?: Tls; isKept?: boolean }) | StoreCommand;

const linkOf = ({ ca, serverName, certificates, key }: Tls): ModdableTlsLink => {
  const name = serverName === undefined ? {} : { serverName };
  const own =
    certificates === undefined || key === undefined
      ? {}
      : { certificates: certificates.map(bytesOf), key: bytesOf(key) };
  return new ModdableTlsLink({ ca: ca.map(bytesOf), ...name, ...own });
};

listen((command: Command) => {
  if (command.do === "read" || command.do === "write") obeyStore(command, new PreferenceStore());
  else
    obey(command, () =>
      moddablePorts({
        ...(command.tls === undefined ? {} : { link: linkOf(command.tls) }),
        ...(command.isKept === true ? { store: new PreferenceStore() } : {}),
      }),
    );
});
