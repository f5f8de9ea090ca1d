import type { Address, Link, LinkEvents, Status } from "motekey";

/** A request as its bytes, and the number that its answer begins with. */
const STATUS_LINE = "HTTP/1.1 ";

/** One POST of JSON (RFC 9112) over a link of motekey's, so that the token goes where that link's check allows it. */
export class Post implements LinkEvents {
  private readonly link: Link;
  private readonly request: Uint8Array;
  private readonly onDone: (code: number) => void;
  private written: number;
  private head: string;

  /** @param onDone gets the HTTP status code; 0: there was no answer. Not called after {@link abandon} */
  constructor(
    link: Link,
    address: Address,
    path: string,
    bearer: string,
    body: string,
    onDone: (code: number) => void,
  ) {
    const lines = [
      `POST ${path} HTTP/1.1`,
      `host: ${address.host}:${address.port}`,
      `authorization: Bearer ${bearer}`,
      "content-type: application/json",
      `content-length: ${ArrayBuffer.fromString(body).byteLength}`,
      "connection: close",
      "",
      body,
    ];
    this.link = link;
    this.request = new Uint8Array(ArrayBuffer.fromString(lines.join("\r\n")));
    this.onDone = onDone;
    this.written = 0;
    this.head = "";
    link.open(address, this);
  }

  opened(): void {
    this.writable();
  }

  writable(): void {
    this.written += this.link.write(this.request, this.written, this.request.length);
  }

  received(bytes: Uint8Array, from: number, to: number): void {
    const wanted = STATUS_LINE.length + 3;
    for (let i = from; i < to && this.head.length < wanted; i++)
      this.head += String.fromCharCode(bytes[i] ?? 0);
    if (this.head.length < wanted) return;
    this.abandon();
    this.onDone(this.head.startsWith(STATUS_LINE) ? Number(this.head.slice(STATUS_LINE.length)) : 0);
  }

  closed(_status: Status): void {
    this.request.fill(0);
    this.onDone(0);
  }

  abandon(): void {
    this.link.close();
    this.request.fill(0);
  }
}
