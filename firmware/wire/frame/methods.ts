import { bytesOf } from "../bytes.js";

/** The methods that we call: those of the Auth service, and Hello. */
export enum Method {
  HELLO = 0,
  GENERATE_TOKEN = 1,
  GET_TOKEN = 2,
  LIST_TOKEN = 3,
  REVOKE_TOKEN = 4,
  AUTHENTICATE = 5,
  AUTHORIZE_COMMAND = 6,
  /** Of a recovery's own connection alone. */
  COUNTER = 7,
  /** Any other, named by the app. */
  OTHER = 8,
}

/** Names, per {@link Method}. */
const NAMES: readonly string[] = [
  "/v1/Hello",
  "/v1/Auth.GenerateToken",
  "/v1/Auth.GetToken",
  "/v1/Auth.ListToken",
  "/v1/Auth.RevokeToken",
  "/v1/Auth.Authenticate",
  "/v1/Auth.AuthorizeCommand",
  "/v1/Auth.Counter",
];

/** How the arguments begin in JSON, up to the first value. */
const ARGUMENTS: readonly string[] = [
  "",
  '"host":"',
  '"host":"',
  "",
  '"host":"',
  '"credentials":{',
  '"cmd":"',
  "",
];

/**
 * What stands in JSON from behind the id to the first argument's value, per {@link Method}.
 *
 * @construction
 * @param member the arguments' name: `args`, or `params` in mg-rpc
 */
export function openingsOf(member: string): Uint8Array[] {
  const openings: Uint8Array[] = [];
  for (let i = 0; i < NAMES.length; i++)
    openings.push(bytesOf(`,"method":"${NAMES[i]}","${member}":{${ARGUMENTS[i]}`));
  return openings;
}

/** The name in a frame's `method`. */
export const nameOf = (method: Method): string => NAMES[method];
