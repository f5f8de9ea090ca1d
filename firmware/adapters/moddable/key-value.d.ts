/** ECMA-419's key-value storage, which @moddable/typings does not know; the SDK's own lacks `undefined`. */
declare module "embedded:storage/key-value" {
  export interface Storage {
    /** undefined: nothing has this name. */
    read(key: string): ArrayBuffer | undefined;
    write(key: string, value: Uint8Array): void;
  }

  const KeyValue: {
    open(options: { path: string; format: "buffer" }): Storage;
  };
  export default KeyValue;
}
