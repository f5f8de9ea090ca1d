import { NoLogin } from "./none.js";
import { type ConnectProof, Strength } from "./proof.js";

/** The link itself: a client certificate or a key that TLS was made with. */
export const link: ConnectProof = {
  name: "link",
  strength: Strength.LINK,
  /** @construction */
  login: () => new NoLogin(),
};
