/** Who wants to connect to a broker, as its CONNECT says. */
export interface Login {
  clientId: string;
  userName: string;
  /** Never absent: whoever shows none is refused before anybody is asked. */
  password: string;
  /** Where they connect from, where the broker says that. */
  address?: string | undefined;
}

/** What brokers want to know, in MQTT's words, whatever they ask it in. */
export interface Gatekeeper {
  /**
   * Whether a client is let in. A password that is good once is used up by this, and true is said when that is on the
   * disk: ask once for each connection.
   */
  admits(login: Login): Promise<boolean>;
  /** Whether a user may be connected now. */
  knows(userName: string): boolean | Promise<boolean>;
  /** Whether a user may subscribe to this filter, and be sent its messages. */
  mayRead(userName: string, filter: string): boolean | Promise<boolean>;
  /** Whether a user may publish on this topic. */
  mayWrite(userName: string, topic: string): boolean | Promise<boolean>;
}
