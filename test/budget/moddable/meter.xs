export default {
  read() @ "xs_meter_read",
  collect() @ "xs_meter_collect",
};
