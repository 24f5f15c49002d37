"""EC2 Image Builder, which moto lacks: held against the API's model, the ARNs made up."""

from collections.abc import Mapping

from stackkit.tools.rehearse.resource_creator import Make, Maker, Outputs, row


def _component(maker: Maker) -> Outputs:
    name, version = maker.named(), maker.take("version")
    maker.rest("imagebuilder", "CreateComponent", name=name, semanticVersion=version)
    arn = maker.account.made_up("imagebuilder", f"component/{name}/{version}/1")
    return {"id": arn, "arn": arn, "name": name}


def _recipe(maker: Maker) -> Outputs:
    name, version = maker.named(), maker.take("version")
    maker.rest("imagebuilder", "CreateImageRecipe", name=name, semanticVersion=version)
    arn = maker.account.made_up("imagebuilder", f"image-recipe/{name}/{version}")
    return {"id": arn, "arn": arn, "name": name}


def _image(maker: Maker) -> Outputs:
    maker.rest("imagebuilder", "CreateImage")
    arn = maker.account.made_up("imagebuilder", f"image/{maker.name}/1.0.0/1")
    return {"id": arn, "arn": arn}


ROWS: Mapping[str, Make] = {
    "aws:imagebuilder/component:Component": _component,
    "aws:imagebuilder/imageRecipe:ImageRecipe": _recipe,
    "aws:imagebuilder/image:Image": _image,
    "aws:imagebuilder/infrastructureConfiguration:InfrastructureConfiguration": row(
        "imagebuilder",
        "CreateInfrastructureConfiguration",
        auto="name=name",
        arn="infrastructure-configuration/{}",
    ),
    "aws:imagebuilder/distributionConfiguration:DistributionConfiguration": row(
        "imagebuilder",
        "CreateDistributionConfiguration",
        auto="name=name",
        arn="distribution-configuration/{}",
    ),
    "aws:imagebuilder/imagePipeline:ImagePipeline": row(
        "imagebuilder", "CreateImagePipeline", auto="name=name", arn="image-pipeline/{}"
    ),
}
