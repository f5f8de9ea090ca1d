/** The function of C that has this name; xsc takes it as a literal only, and of the type that it is declared with. */
declare function native<Function>(name: string): Function;
