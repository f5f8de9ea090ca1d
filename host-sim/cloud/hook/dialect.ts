/** What a question says, by name. */
export type Fields = ReadonlyMap<string, string>;

/** A question that is answered by yes or no. What it lacks or what is unknown in it is answered by no. */
export type Question = (fields: Fields) => boolean | Promise<boolean>;

/** How one kind of broker asks over HTTP. */
export interface Dialect {
  /** The media type of its questions. */
  readonly asksIn: string;
  /** The media type of the answers, and their bodies. */
  readonly answersIn: string;
  readonly yes: string;
  readonly no: string;
  /** Whether it may ask again over the same connection. */
  readonly isKeptAlive: boolean;
  /** Its questions, by the last segment of their path. */
  readonly questions: ReadonlyMap<string, Question>;
  /** What a body says; null: it is no question. */
  fieldsOf(body: string): Fields | null;
}
