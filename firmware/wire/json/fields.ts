import { bytesOf, type Text } from "../bytes.js";
import type { FieldWriter } from "../field-writer.js";
import type { Writer } from "../writer.js";

const COMMA = bytesOf(",");
const QUOTE = bytesOf('"');
const COLON = bytesOf('":');
const OPEN_TEXT = bytesOf('":"');
const OPEN_MAP = bytesOf('":{');
const CLOSE_MAP = bytesOf("}");

/** Fields in JSON, behind others of the same object. */
export class JsonFields implements FieldWriter {
  private readonly writer: Writer;
  private isFirst: boolean;

  constructor(writer: Writer) {
    this.writer = writer;
    this.isFirst = false;
  }

  open(name: Uint8Array, _count: number): void {
    this.name(name);
    this.writer.bytes(OPEN_MAP);
    this.isFirst = true;
  }

  close(): void {
    this.writer.bytes(CLOSE_MAP);
    this.isFirst = false;
  }

  number(name: Uint8Array, value: number): void {
    this.name(name);
    this.writer.bytes(COLON);
    this.writer.decimal(value);
  }

  text(name: Uint8Array, text: Text): void {
    this.name(name);
    this.writer.bytes(OPEN_TEXT);
    this.writer.text(text);
    this.writer.bytes(QUOTE);
  }

  plain(name: Uint8Array, text: Uint8Array, length: number): void {
    this.name(name);
    this.writer.bytes(OPEN_TEXT);
    if (length === text.length) this.writer.bytes(text);
    else this.writer.part(text, length);
    this.writer.bytes(QUOTE);
  }

  private name(name: Uint8Array): void {
    if (!this.isFirst) this.writer.bytes(COMMA);
    this.isFirst = false;
    this.writer.bytes(QUOTE);
    this.writer.bytes(name);
  }
}
