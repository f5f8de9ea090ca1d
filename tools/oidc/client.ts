/** The client id of this program where nothing names another. */
export const CLIENT_ID = "motekey-cli";

/** Who asks: this program, or a service account with what proves it. */
export interface Client {
  readonly clientId: string;
  readonly clientSecret?: string | undefined;
  /** The path of a PEM file. */
  readonly keyFile?: string | undefined;
}
