/**
 * A frame as the engine's own reader has it, which takes what is no JSON too; undefined: it is not known to be right.
 *
 * It is believed where the engine's writer gives the very same text back: what that writes is JSON, in plain ASCII.
 * Before, a text is held back that nests deeper than an answer with a token, or has a list or an escape; members that
 * come twice do not come out twice, since they are copied one by one in between.
 */
export const readPlain = (text: string): Frame | undefined => {
  const second = text.indexOf("{", 1);
  const rest = second < 0 ? text.substr(1) : text.substr(1, second - 1) + text.substr(second + 1);
  if (/[{\x5b\x5c]/.test(rest)) return undefined;
  try {
    const frame: Frame = Object.assign({}, JSON.parse(text));
    if (typeof frame.result === "object") frame.result = Object.assign({}, frame.result);
    if (typeof frame.error === "object") frame.error = Object.assign({}, frame.error);
    if (JSON.stringify(frame) === text) return frame;
  } catch (_otherText) {
    // What it throws on may still be JSON.
  }
  return undefined;
};
