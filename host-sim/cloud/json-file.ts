import { readFileSync } from "node:fs";
import { writeFailure, writeWholeFile } from "./whole-file.js";

const FILE_VERSION = 1;

/**
 * State kept in one JSON file, for its owner only, written whole and atomically; changes that come while a
 * write runs share the next one. Without a file name it keeps nothing.
 */
export class JsonFile {
  private dirty = false;
  private writing: Promise<void> | null = null;
  private failure: unknown = null;

  /**
   * @param kind what the file is, for errors: "registry"
   * @param content what is written beside the version, asked for at each write
   */
  constructor(
    private file: string | undefined,
    private kind: string,
    private content: () => object,
  ) {}

  /** What the file holds; undefined where there is none. Throws on what cannot be read, or is not of this kind. */
  read<Content extends object>(isContent: (value: Partial<Content>) => boolean): Content | undefined {
    if (this.file === undefined) return undefined;
    let text: string;
    try {
      text = readFileSync(this.file, "utf8");
    } catch (failure) {
      if ((failure as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw new Error(`Cannot read the ${this.kind} ${this.file}; check its permissions`, { cause: failure });
    }
    const value = parse<Content>(text);
    if (value?.version === FILE_VERSION && isContent(value)) return value as Content;
    throw new Error(
      `${this.file} is not a ${this.kind} of version ${FILE_VERSION}; move it away to start with an empty one`,
    );
  }

  /** Has the content written soon. */
  changed(): void {
    this.dirty = true;
    if (this.file === undefined || this.writing !== null) return;
    this.writing = this.write(this.file).finally(() => {
      this.writing = null;
    });
  }

  /** Resolves when every change is in the file; rejects when it could not be written. */
  async flush(): Promise<void> {
    while (this.writing !== null) await this.writing;
    if (this.failure === null) return;
    const cause = this.failure;
    this.failure = null;
    throw writeFailure(this.kind, this.file ?? "", cause);
  }

  private async write(file: string): Promise<void> {
    // One turn later, so that a thousand devices added in a loop make one file.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.dirty) {
      this.dirty = false;
      try {
        const content = { version: FILE_VERSION, ...this.content() };
        await writeWholeFile(file, `${JSON.stringify(content, null, 2)}\n`);
        this.failure = null;
      } catch (failure) {
        this.failure = failure;
      }
    }
  }
}

function parse<Content>(text: string): (Partial<Content> & { version?: number }) | null {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
