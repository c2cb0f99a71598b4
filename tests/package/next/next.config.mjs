export default {
  turbopack: { root: process.env.FIXTURE_ROOT }, // only here: the tools are installed one folder up
};
