/** In the place of a module that is loaded for its effect only, where the effect is not wanted. */

export {};
