import { bytesOf } from "./bytes.js";

/** The methods that we call: the six of the Auth service, and Hello. */
export enum Method {
  HELLO = 0,
  GENERATE_TOKEN = 1,
  GET_TOKEN = 2,
  LIST_TOKEN = 3,
  REVOKE_TOKEN = 4,
  AUTHENTICATE = 5,
  AUTHORIZE_COMMAND = 6,
}

/** What stands between the id and the arguments' first value, per {@link Method}. */
const OPENINGS: readonly Uint8Array[] = [
  bytesOf(',"method":"/v1/Hello","args":{'),
  bytesOf(',"method":"/v1/Auth.GenerateToken","args":{"host":"'),
  bytesOf(',"method":"/v1/Auth.GetToken","args":{"host":"'),
  bytesOf(',"method":"/v1/Auth.ListToken","args":{'),
  bytesOf(',"method":"/v1/Auth.RevokeToken","args":{"host":"'),
  bytesOf(',"method":"/v1/Auth.Authenticate","args":{"credentials":{'),
  bytesOf(',"method":"/v1/Auth.AuthorizeCommand","args":{"cmd":"'),
];

/** The prepared bytes from behind the id to the first argument's value. */
export const openingOf = (method: Method): Uint8Array => OPENINGS[method];
