/** Places that others serve: what keeps from reaching them, and what to do about it. */
import { type Finding, fine, type Obstacle, problem } from "./finding.js";
import { type Place, reach } from "./reach.js";

const NEXT: Readonly<Record<Obstacle, string>> = {
  host_unknown: "Check the name's spelling, the network and the DNS server.",
  refused: "Check that the server runs, and compare the port.",
  timeout: "Check that the server runs, and that no firewall stands in between.",
  unreachable: "Check the network, and what stands in between.",
  tls_name: "Use the address that the certificate names, or have one issued for this name.",
  tls_ca:
    "Check that the server sends its whole chain, and name its CA: for a cloud with --ca, for an issuer in NODE_EXTRA_CA_CERTS.",
  tls_expired: "Have the certificate renewed, and check that this machine's clock is right.",
  tls_not_yet_valid: "Check that this machine's clock is right, or wait for the certificate's first day.",
  tls_failed: "Check that the port speaks TLS 1.2 or 1.3, or use an address without TLS.",
};

/** Is somebody there? */
export async function examinePlace(check: "issuer" | "cloud", place: Place): Promise<Finding> {
  const { obstacle, message, evidence } = await reach(place);
  if (obstacle === null) return fine(check, message, evidence);
  return problem(check, `${check}_${obstacle}`, message, NEXT[obstacle], evidence);
}
