using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [ (name = "main", worker = .main) ],
  sockets = [ (name = "http", address = "127.0.0.1:0", http = (), service = "main") ]
);

const main :Workerd.Worker = (
  modules = [
    (name = "main.js", esModule = embed "bundle/MAIN.js"),
    (name = "./model.bin", data = embed "bundle/model.bin"),
    (name = "./rqvae.wasm", wasm = embed "bundle/rqvae.wasm")
  ],
  compatibilityDate = "COMPATIBILITY_DATE"
);
