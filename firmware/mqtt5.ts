import type { Channel, ChannelParts, Transport } from "./transport/channel.js";
import { fitting } from "./transport/mqtt.js";
import { Mqtt5Channel } from "./transport/mqtt5-channel.js";

/** @construction */
const mqtt5Channel = (parts: ChannelParts): Channel => fitting(new Mqtt5Channel(parts), parts.config.limits);

/** MQTT 5, and 3.1.1 where the broker knows no other, for `createAuth`'s `transport`. */
export const mqtt5: Transport = { name: "mqtt5", hasExchange: true, hasTopics: true, channel: mqtt5Channel };
