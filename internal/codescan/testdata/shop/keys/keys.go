package keys

const prefix = "checkout-"

const Checkout = prefix + "v2"
