declare module "write-file-atomic" {
  function writeFileAtomic(file: string, data: string, options: { mode: number }): Promise<void>;
  namespace writeFileAtomic {
    function sync(file: string, data: Uint8Array, options: { mode: number }): void;
  }
  export default writeFileAtomic;
}
