import { Status } from "./status.js";

const ALLOWED =
  "the device's credential allows; choose a stronger one, or have the floor lowered by provisioning.";

/**
 * Why `createAuth` throws, and what to do next; empty for any other status. The other sentences are in
 * `motekey/explain`, so that only apps that import it carry them. @construction
 */
export const refusalOf = (status: Status): string => {
  switch (status) {
    case Status.STORE_FAILED:
      return "The device's store could not be read or written, and without a stored counter no connection is made; check that the store can be written and serves no other client. The next attempt is made by itself.";
    case Status.CREDENTIAL_MISSING:
      return "There is no credential in the device's store; provision the device, or hand deviceId and credential to createAuth.";
    case Status.CREDENTIAL_BROKEN:
      return "The credential in the device's store is damaged, of a newer version, or sealed while the store is not; provision the device anew.";
    case Status.PROOF_EXPOSED:
      return "This link does not verify the cloud, and this proof shows the key to anyone who reads it; use counter+mac or a verified link, or set allowInsecure.";
    case Status.FRAMES_UNPROVED:
      return "On a link that does not verify the cloud a relay could speak after this proof; add +mac, or verify the cloud.";
    case Status.LINK_UNPROVED:
      return "The proof link needs a link that proves the device: TLS with a client certificate, or TLS-PSK.";
    case Status.PROOF_UNFIT:
      return "The proof auth5 needs MQTT 5; give createAuth that transport, or choose another proof.";
    case Status.PROOF_BELOW_FLOOR:
      return `The proof is weaker than ${ALLOWED}`;
    case Status.LINK_BELOW_FLOOR:
      return `The link is weaker than ${ALLOWED}`;
    default:
      return "";
  }
};
