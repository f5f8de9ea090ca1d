/** The module `motekey/tls` of an app, by the names of the manifest. */
export { type Bytes, ModdableTlsLink, type TlsOptions } from "motekey/adapters/moddable/tls/index";
