import { createPublicKey, randomBytes, randomInt, randomUUID } from "node:crypto";
import type { JWK } from "jose";
import { JsonFile } from "../json-file.js";
import { newSecrets, type Secrets } from "./keys.js";
import { hashPassword, isPassword, newPassword } from "./password.js";
import type {
  Membership,
  NewMembership,
  NewServiceAccount,
  NewUser,
  Organization,
  ServiceAccount,
  Team,
  User,
} from "./types.js";

const FIRST_ORGANIZATION = "Acme Corp";
const FIRST_TEAM = "Default Team";
const FIRST_ORGANIZATION_ID = 100_000_001;
/** What the file is called in errors. */
export const DIRECTORY_KIND = "directory of users";

/** What a person types as user name: no spaces, no control characters, at most 128. */
const USERNAME = /^[^\s\p{C}]{1,128}$/u;
const CLIENT_ID = /^[\x21-\x7e]{1,128}$/;

interface Content {
  secrets: Secrets;
  organizations: Organization[];
  users: User[];
  serviceAccounts: ServiceAccount[];
}

/** Who there is: organizations with their teams, users, service accounts; and the identity's own keys. */
export class Directory {
  private constructor(
    private file: JsonFile,
    private content: Content,
  ) {}

  /** @param file JSON file; read when it exists */
  static async open(file: string | undefined): Promise<Directory> {
    let content: Content;
    const jsonFile = new JsonFile(file, DIRECTORY_KIND, () => content);
    const read = jsonFile.read<Content>(
      ({ secrets, organizations, users, serviceAccounts }) =>
        Array.isArray(secrets?.keys) && [organizations, users, serviceAccounts].every(Array.isArray),
    );
    content = read ?? { secrets: await newSecrets(), organizations: [], users: [], serviceAccounts: [] };
    return new Directory(jsonFile, content);
  }

  /** The identity's signing keys and cookie keys. */
  get secrets(): Secrets {
    return this.content.secrets;
  }

  /** The organization of an id, a guid or a name. */
  organization(key: string): Organization | undefined {
    return this.content.organizations.find(
      ({ id, guid, name }) => key === String(id) || key === guid || key === name,
    );
  }

  /** Makes an organization, or gives the one of this name the teams that it lacks. */
  addOrganization(name: string, teams: readonly string[] = []): Organization {
    let organization = this.organization(name);
    if (organization === undefined) {
      const id = FIRST_ORGANIZATION_ID + this.content.organizations.length;
      organization = { id, guid: randomUUID(), name, teams: [] };
      this.content.organizations.push(organization);
    }
    const wanted = teams.length === 0 && organization.teams.length === 0 ? [FIRST_TEAM] : teams;
    for (const team of wanted) teamOf(organization, team);
    this.file.changed();
    return organization;
  }

  /** The organization that members without a wish get: the oldest, made where there is none. */
  firstOrganization(): Organization {
    return this.content.organizations[0] ?? this.addOrganization(FIRST_ORGANIZATION);
  }

  /** The user of an account id. */
  user(id: string): User | undefined {
    return this.content.users.find((user) => user.id === id);
  }

  /** The user of a user name or an email address. */
  userNamed(name: string): User | undefined {
    return this.content.users.find(({ username, email }) => name === username || name === email);
  }

  /** Adds a user. Throws when the user name or the address is taken. Returns the password, of which only a hash is kept. */
  async addUser(wanted: NewUser): Promise<{ user: User; password: string }> {
    const { username } = wanted;
    if (!USERNAME.test(username)) {
      throw new Error(`The user name ${JSON.stringify(username)} has spaces or more than 128 characters`);
    }
    const email = wanted.email ?? (username.includes("@") ? username : `${username}@example.com`);
    for (const name of [username, email]) {
      if (this.userNamed(name) !== undefined) throw new Error(`There is a user ${name} already`);
    }
    const password = wanted.password ?? newPassword();
    const user: User = {
      id: wanted.id ?? `usr_${randomInt(10 ** 9, 10 ** 10)}`,
      username,
      email,
      name: wanted.name ?? username,
      password: await hashPassword(password),
      createdAt: new Date().toISOString(),
      memberships: this.memberships(wanted.memberships),
      disabled: false,
    };
    this.content.users.push(user);
    this.file.changed();
    return { user, password };
  }

  /** The user of this name and password; null when there is none, or the user is disabled. */
  async logIn(name: string, password: string): Promise<User | null> {
    const user = this.userNamed(name);
    const right = await isPassword(password, user?.password);
    return user !== undefined && right && !user.disabled ? user : null;
  }

  /** Replaces a password. */
  async setPassword(name: string, password: string): Promise<void> {
    this.need(name).password = await hashPassword(password);
    this.file.changed();
  }

  /** Bars a user or a service account from logging in, and from what a running login would give. */
  disable(name: string): void {
    const holder = this.serviceAccount(name) ?? this.need(name);
    holder.disabled = true;
    this.file.changed();
  }

  /** The service account of a client id. */
  serviceAccount(clientId: string): ServiceAccount | undefined {
    return this.content.serviceAccounts.find((account) => account.clientId === clientId);
  }

  /** All service accounts. */
  get serviceAccounts(): readonly ServiceAccount[] {
    return this.content.serviceAccounts;
  }

  /** Adds a service account. Throws when its client id is taken or its key is no public key. */
  addServiceAccount(wanted: NewServiceAccount): ServiceAccount {
    const clientId = wanted.clientId ?? `svc_${randomBytes(16).toString("hex")}`;
    if (!CLIENT_ID.test(clientId)) {
      throw new Error(`The client id ${JSON.stringify(clientId)} is not 1 to 128 visible ASCII characters`);
    }
    if (this.serviceAccount(clientId)) throw new Error(`There is a service account ${clientId} already`);
    const account: ServiceAccount = {
      clientId,
      name: wanted.name ?? clientId,
      createdAt: new Date().toISOString(),
      memberships: this.memberships(wanted.memberships),
      disabled: false,
    };
    const { publicKey, workload } = wanted;
    if (publicKey !== undefined) account.publicKey = publicJwk(publicKey);
    else if (workload === undefined || wanted.secret !== undefined)
      account.secret = wanted.secret ?? randomBytes(32).toString("base64url");
    if (workload !== undefined) account.workload = workload;
    this.content.serviceAccounts.push(account);
    this.file.changed();
    return account;
  }

  /** Resolves when everything is in the file; rejects when it could not be written. */
  flush(): Promise<void> {
    return this.file.flush();
  }

  private need(name: string): User {
    const user = this.userNamed(name);
    if (user === undefined) throw new Error(`No user ${JSON.stringify(name)}; add it with addUser first`);
    return user;
  }

  private memberships(wanted: readonly NewMembership[] | undefined): Membership[] {
    return (wanted ?? [{ organization: this.firstOrganization().name }]).map(
      ({ organization: name, role, teams }) => {
        const organization = this.addOrganization(name, teams);
        const members = teams?.map((team) => teamOf(organization, team)) ?? organization.teams.slice(0, 1);
        return {
          organization: organization.guid,
          role: role ?? "developer",
          teams: members.map(({ guid }) => guid),
        };
      },
    );
  }
}

/** The team of this name, made where it is missing. */
function teamOf(organization: Organization, name: string): Team {
  let team = organization.teams.find((known) => known.name === name);
  if (team === undefined) {
    team = { guid: randomUUID(), name };
    organization.teams.push(team);
  }
  return team;
}

function publicJwk(pem: string): JWK {
  if (/PRIVATE KEY/.test(pem))
    throw new Error("That is a private key; give its public half (openssl pkey -pubout)");
  try {
    return createPublicKey(pem).export({ format: "jwk" }) as JWK;
  } catch (failure) {
    throw new Error("The public key is not PEM; give a block that says BEGIN PUBLIC KEY", { cause: failure });
  }
}
