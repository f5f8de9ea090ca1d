import { Status } from "../status.js";

/** What a reason code of CONNACK or DISCONNECT means (2.4); `other` where it says nothing more. */
export const statusOf = (reasonCode: number, other: Status): Status => {
  switch (reasonCode) {
    case 0x84:
      return Status.VERSION_REFUSED;
    case 0x85:
      return Status.CLIENT_ID_REFUSED;
    case 0x86:
      return Status.BAD_CREDENTIALS;
    case 0x87:
    case 0x8a:
      return Status.NOT_AUTHORIZED;
    case 0x88:
    case 0x89:
    case 0x8b:
      return Status.SERVER_UNAVAILABLE;
    case 0x8c:
      return Status.METHOD_REFUSED;
    case 0x8d:
      return Status.KEEP_ALIVE_TIMEOUT;
    case 0x8e:
      return Status.SESSION_TAKEN_OVER;
    case 0x95:
      return Status.PACKET_TOO_LARGE;
    case 0x93:
    case 0x96:
    case 0x97:
    case 0x9f:
      return Status.QUOTA_EXCEEDED;
    case 0x9c:
    case 0x9d:
      return Status.SERVER_MOVED;
    default:
      return other;
  }
};
