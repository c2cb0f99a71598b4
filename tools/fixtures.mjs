// Writes tests/fixtures anew with PyTorch and scikit-learn. The fixtures are part of the repository: this is only needed when
// generate.py changes.
import { inToolchain, ROOT, run } from "./setup.mjs";

run(`${ROOT}/tools/toolchain.sh`, ["add", "python3-torch", "python3-sklearn", "python3-numpy"]);
inToolchain(["python3", "tests/fixtures/generate.py"]);
