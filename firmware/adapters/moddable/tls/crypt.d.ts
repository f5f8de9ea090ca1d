/** The SDK's digests, which @moddable/typings does not know; mcconfig takes the SDK's own declaration. */
declare module "crypt" {
  export class Digest {
    constructor(type: "SHA256" | "SHA384" | "SHA512");
    write(message: ArrayBuffer): void;
    close(): ArrayBuffer;
  }
}
