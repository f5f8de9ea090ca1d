import { bundleLean } from "../../build/lean.mjs";

/** What the core makes of a text, for any engine: quoted names are not shortened. */
const ENTRY = `
  import { isRestBlank, readFrame } from "./json.js";
  import { my, renew } from "./state.js";
  renew({ idSoFar: 0, end: 0 });
  exports["verdict"] = (text) => {
    try {
      const frame = readFrame(text, 0);
      return { "status": isRestBlank(text) ? 0 : 53, "frame": frame, "id": my.idSoFar };
    } catch (status) {
      return { "status": status, "id": my.idSoFar };
    }
  };
  exports["told"] = (text) => {
    const verdict = exports["verdict"](text);
    const frame = verdict["frame"];
    const id = frame && typeof frame.id === "number" ? frame.id : verdict["id"];
    const result = frame ? frame.result : undefined;
    const token = result && typeof result === "object" ? result.token : result;
    const isText = typeof token === "string";
    return verdict["status"] + " " + id + " " + (isText ? token.length + " " + E.CRC32(token) : "none");
  };`;

/** The reader of frames alone. */
export const verdictSource = (): Promise<string> => bundleLean({ entry: ENTRY });
