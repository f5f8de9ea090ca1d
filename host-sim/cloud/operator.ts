/** What an operator may do: a viewer reads, a developer changes devices too, an admin everything. */
export type MemberRole = "admin" | "developer" | "viewer";

/** What a token must have to register and revoke devices. */
export const DEVICES_SCOPE = "devices:provision";

/** An operator: a person or a program whose token an identity provider made. */
export interface Operator {
  /** In the history of devices. */
  name: string;
  /** null: none here. */
  role: MemberRole | null;
  scopes: ReadonlySet<string>;
}
