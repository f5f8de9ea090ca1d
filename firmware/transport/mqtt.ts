import type { Limits } from "../limits.js";
import type { Channel, ChannelParts, Transport } from "./channel.js";
import { MqttChannel } from "./mqtt-channel.js";

/**
 * The channel, if the send buffer has room for what it begins with.
 * @construction
 * @throws Error that names the limit to raise
 */
export const fitting = (channel: MqttChannel, limits: Limits): Channel => {
  const bytes = channel.openingLength();
  if (bytes <= limits.sendBytes) return channel;
  throw new Error(
    `motekey: limits.sendBytes must be at least ${bytes} for CONNECT and SUBSCRIBE of this device`,
  );
};

/** @construction */
const mqttChannel = (parts: ChannelParts): Channel => fitting(new MqttChannel(parts), parts.config.limits);

/** MQTT 3.1.1. */
export const mqtt: Transport = { name: "mqtt", hasExchange: false, hasTopics: true, channel: mqttChannel };
