/** Topics and the filters that subscribe to them (MQTT 3.1.1, 4.7; shared ones: MQTT 5, 4.8.2). */

/** No wildcards and no zero. */
export const isTopic = (topic: string): boolean => topic.split("\0").length === 1 && !/[+#]/.test(topic);

/** A filter's levels, without those that name the group which shares it. */
export const levelsOf = (filter: string): string[] => {
  const levels = filter.split("/");
  if (levels[0] === "$share" && levels.length > 1) levels.splice(0, 2);
  return levels;
};

/** Whether this can be subscribed to: `+` stands for a whole level, `#` for all that follow. */
export const isFilter = (filter: string): boolean => {
  const all = filter.split("/");
  const levels = levelsOf(filter);
  const isShared = levels.length < all.length;
  if (isShared && (all[1] === "" || !isTopic(all[1]) || levels.join("/") === "")) return false;
  for (let i = 0; i < levels.length; i++) {
    const level = levels[i];
    const isWildcard = level === "+" || (level === "#" && i === levels.length - 1);
    if (!isWildcard && !isTopic(level)) return false;
  }
  return filter !== "" && filter.length <= 65535;
};

/** Whether there is a topic that both subscribe to; one without wildcards is a topic itself. */
export const overlap = (one: readonly string[], other: readonly string[]): boolean => {
  for (let i = 0; ; i++) {
    const level = one[i];
    const another = other[i];
    // `a/#` is also what `a` is sent to.
    if (level === "#" || another === "#") return true;
    if (level === undefined || another === undefined) return level === another;
    if (level !== another && level !== "+" && another !== "+") return false;
  }
};

/** Whether a filter's messages come on this topic. No wildcard stands for the first level of a broker's own (4.7.2). */
export const matches = (levels: readonly string[], topic: string): boolean =>
  (topic[0] !== "$" || levels[0][0] === "$") && overlap(levels, topic.split("/"));
