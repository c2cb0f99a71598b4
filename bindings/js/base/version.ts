/** The version of package.json; the build checks that they agree. */
export const VERSION = "0.1.0";
