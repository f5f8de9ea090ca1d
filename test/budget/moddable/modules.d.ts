/** What the measured app has beside the firmware: our meter, and the SDK's client, whose typings are for another version. */
declare module "meter" {
  const Meter: {
    /** A JSON array: slots and chunk bytes in use, the most that ever were, processor time in µs. */
    read(): string;
    collect(): void;
  };
  export default Meter;
}

declare module "embedded:network/mqtt/client" {
  interface Options {
    [name: string]: unknown;
    onControl(this: MQTTClient, operation: { operation: number }): void;
    onReadable(this: MQTTClient, count: number): void;
  }
  export default class MQTTClient {
    static readonly CONNACK: number;
    static readonly SUBSCRIBE: number;
    constructor(options: Options);
    read(count: number): ArrayBuffer;
    write(data: ArrayBuffer | null, options: object): void;
  }
}
